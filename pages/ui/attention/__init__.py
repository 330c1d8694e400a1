"""The views of the attention page, one module a view; `data` asks the questions for all of them."""
