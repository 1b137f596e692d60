"""Items and users without history: which towers reach them, beside simple baselines."""
