-- 0012: the deliveries that will not be tried again, for whoever counts them every few seconds. Additive.
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (endpoint_id) WHERE state = 'exhausted';
