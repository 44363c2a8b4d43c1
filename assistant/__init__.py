"""An assistant's tools: an atlas asked through the Model Context Protocol, with answers that can be proved again."""
