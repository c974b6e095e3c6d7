"""A survey of a lab that shares its sessions as .npz files: the example of what a new survey has to say."""
