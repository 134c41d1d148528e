"""Digits over HTTP, and the page that `inkdigits serve` opens; needs the extra ``serve``."""
