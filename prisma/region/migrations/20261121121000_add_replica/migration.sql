-- Why: a region serves from its own copy of what it may see of the centre. These three tables belong to the receiver
-- library (packages/resource-server, replica.ts): any service that follows the change feed takes them as they are.

-- What the centre told of each entity last, and what is gone: an older word that comes late must not bring it back.
CREATE TABLE replica_entity (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  -- The centre's, under that epoch. 0: gone by the centre's own list; whatever is told next is newer.
  revision bigint NOT NULL,
  -- As told. Null: gone.
  state jsonb,
  -- replica_place.generation when this was written.
  generation bigint NOT NULL,
  gone_at timestamptz(3),
  CONSTRAINT replica_entity_pkey PRIMARY KEY (kind, id),
  CONSTRAINT replica_entity_gone CHECK ((state IS NULL) = (gone_at IS NOT NULL)),
  CONSTRAINT replica_entity_revision CHECK (revision >= 0)
);
CREATE INDEX replica_entity_gone_idx ON replica_entity (gone_at) WHERE gone_at IS NOT NULL;

-- Where this service stands in the feed. Whoever writes a page holds this row: one at a time.
CREATE TABLE replica_place (
  id boolean NOT NULL DEFAULT true,
  -- Rises with each write of a page: what was read before another process wrote is not written after it.
  turn bigint NOT NULL DEFAULT 0,
  epoch bigint,
  -- Null: from the beginning.
  cursor text,
  -- Rises where the feed was joined anew: what is gone by an earlier one gives way to whatever is told.
  generation bigint NOT NULL DEFAULT 1,
  -- A rebuild under way: the cursor of its first page, the key up to which it has come, the rows that it has read.
  rebuild_begun boolean NOT NULL DEFAULT false,
  rebuild_epoch bigint,
  rebuild_cursor text,
  rebuild_after text,
  rebuild_rows bigint NOT NULL DEFAULT 0,
  CONSTRAINT replica_place_pkey PRIMARY KEY (id),
  CONSTRAINT replica_place_single_row CHECK (id),
  CONSTRAINT replica_place_rebuild CHECK (rebuild_begun OR (rebuild_epoch IS NULL AND rebuild_cursor IS NULL
    AND rebuild_after IS NULL AND rebuild_rows = 0))
);
INSERT INTO replica_place DEFAULT VALUES;

-- Entries that are put aside, the latest of each entity: of a kind that this build does not know, or that it cannot
-- make sense of. The entity stays as it was before until then.
CREATE TABLE replica_parked (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  revision bigint NOT NULL,
  state jsonb,
  reason text NOT NULL,
  generation bigint NOT NULL,
  parked_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT replica_parked_pkey PRIMARY KEY (kind, id)
);
