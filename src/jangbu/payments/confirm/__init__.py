"""The last word before an approval: the shop's call, and PortOne's question."""
