"""The views of the lens page, one module a view; `data` asks the questions for all of them."""
