"""An atlas behind HTTP: the API and the pages. Needs the extra `[serve]` (FastAPI, uvicorn)."""
