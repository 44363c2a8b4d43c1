"""DuckDB over an atlas: views, the sandbox, a query at work, its errors, the shell."""
