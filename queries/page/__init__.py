"""The page of a protein: its data, and the HTML file that draws it."""
