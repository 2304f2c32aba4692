"""PortOne's older API (api.iamport.kr) under `/v1`, over the same world: a payment of one is seen by the other.

A client is pointed at it with the base URL `http://127.0.0.1:<port>/v1/`. Every name of an operation begins with
`v1_`, which is what a fault is ordered for.
"""

PREFIX = "/v1"
