"""The digest as a letter: what stands in it, how it looks, to whom it goes, and handing it to a mail server or a folder."""
