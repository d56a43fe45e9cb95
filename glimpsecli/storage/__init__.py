"""Where bytes live: files that appear whole or not at all."""
