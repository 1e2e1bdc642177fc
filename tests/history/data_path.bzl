"""What was wrong on data paths, planted again (docs/history.md)."""

def data_path_bugs():
    pass
