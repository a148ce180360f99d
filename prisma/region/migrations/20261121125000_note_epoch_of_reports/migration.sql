-- Why: a centre that was restored from a backup lacks what it was told since; under its new epoch it is told again.
ALTER TABLE usage_daily ADD COLUMN told_epoch bigint;
ALTER TABLE tenant_count ADD COLUMN told_epoch bigint;
