"""Videos to frames and back: exact reading by number and by time, and films that appear whole or not at all."""
