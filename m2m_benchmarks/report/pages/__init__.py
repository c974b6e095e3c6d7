"""Pages: HTML files that open from the disk, without a server and without a request to any other machine."""
