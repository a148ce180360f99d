-- Why: a domain that was given up goes once it is kept from nobody any more.

CREATE INDEX organization_domain_over_idx ON organization_domain (coalesce(quarantine_until, released_at)) WHERE status = 'released';
