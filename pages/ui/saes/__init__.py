"""Parts of the page on SAEs and harvests."""
