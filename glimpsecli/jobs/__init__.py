"""Many files: outputs are planned and named before the first is written, an engine runs the plan."""
