"""HTTP requests, downloads and remote files, all with hard time limits."""
