"""Example of a new survey: a lab that shares its sessions as .npz files."""
