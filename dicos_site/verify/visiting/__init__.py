"""A program that visits the cloud, sent to a controller in parts; it needs Debian's openstacksdk."""
