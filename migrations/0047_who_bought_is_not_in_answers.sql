-- 0047: PortOne's answers are kept without who bought: name, telephone and e-mail are kept encrypted with the checkout session, for
-- as long as they may be, and in no other place (reliability F116, F127). The release before may still write some while it runs.
UPDATE payments SET portone = portone - 'customer' WHERE portone ? 'customer';
UPDATE payments
   SET portone = jsonb_set(portone, '{v1}', (portone -> 'v1')
                 - ARRAY['buyer_name', 'buyer_email', 'buyer_tel', 'buyer_addr', 'buyer_postcode'])
 WHERE portone ? 'v1';
