-- Why: each service of a region tells what it counted itself: their numbers add up, and one of them can put right its own
-- that was wrong, and no other's.

ALTER TABLE usage_daily ADD COLUMN client_id text;
-- What was told until now is of the region's own service, which tells the day that lasts once more.
UPDATE usage_daily u SET client_id = coalesce(
  (SELECT min(c.id) FROM client c WHERE c.region = u.region AND c.source = 'configuration' AND c.status = 'active'), '');
ALTER TABLE usage_daily ALTER COLUMN client_id SET NOT NULL;
ALTER TABLE usage_daily DROP CONSTRAINT usage_daily_pkey;
ALTER TABLE usage_daily ADD CONSTRAINT usage_daily_pkey PRIMARY KEY (org_id, day, region, client_id);
