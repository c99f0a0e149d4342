-- An import that was made: its events lie between two places of the store and carry its id as their correlation.
-- The file's name is not kept: it may be a child's.
create table import (
  id uuid primary key,
  body uuid not null,
  made_by uuid not null,
  made_at timestamptz not null,
  sha256 bytea not null,
  first_seq bigint not null,
  last_seq bigint,             -- none while it runs, or where it was cut off
  counts jsonb,
  undone_at timestamptz
);
create index import_by_body on import (body, made_at desc);
