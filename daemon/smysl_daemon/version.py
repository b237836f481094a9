"""The product's version, where starting a client does not pay for reading package metadata."""

VERSION = "0.1.0"
