"""What tests of several rooms share: builders of small atlases, readers, oracles."""
