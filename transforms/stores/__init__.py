"""Everything that opens, lists, reads, puts or removes: local disks, object stores, web servers and archives, through fsspec."""
