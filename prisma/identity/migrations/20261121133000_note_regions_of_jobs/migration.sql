-- Why: a job is shown to managers of all the regions that it concerns. What is older is its sender's alone.
ALTER TABLE job ADD COLUMN regions text[] NOT NULL DEFAULT '{}';
