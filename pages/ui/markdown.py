"""Untrusted text in Streamlit's Markdown."""


def plain(text: str) -> str:
    """Text that Streamlit's Markdown shows as it is: untrusted text must never become a link, an image or markup."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()<>#+-.!|~$:&" else char for char in text.replace("\n", " "))
