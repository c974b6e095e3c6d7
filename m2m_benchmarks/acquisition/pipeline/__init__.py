"""What any survey needs: session files on this disk, workers, and the merge of sessions into a dataset."""
