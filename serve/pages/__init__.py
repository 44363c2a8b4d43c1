"""The pages, HTML by small functions; every text of an atlas goes through `escape`."""
