-- Why: a region holds back what would take away too much of what it holds, unless an operator says that it is to be so.
ALTER TABLE sync_order ADD COLUMN is_forced boolean NOT NULL DEFAULT false;
