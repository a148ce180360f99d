-- Why: a follower of the feed that goes back again and again (or a client that pretends to) must not have orders to erase
-- opened each time; what it is owed by then is kept until its turn comes.
ALTER TABLE feed_follower
  -- Since when it is to be asked again for what it erased; -infinity where that is not known.
  ADD COLUMN owed_since timestamptz(6),
  -- When it was asked last.
  ADD COLUMN went_back_at timestamptz(6);
