"""What is kept of experiments under `results/`: written by `record.py`, read back by `check_results.py`."""
