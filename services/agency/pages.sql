-- The tables of one version of the views, made in the schema that stands first on the search path.
-- What each agency was given, in closed blocks. Rows are the agency's own: row-level security stands behind every query.
create table entry (
  agency uuid not null,
  child uuid not null,
  event uuid not null,
  role text not null,
  clause text not null,
  recorded_at text not null,
  source text not null,
  source_seq bigint not null,
  disclosed_at timestamptz not null,
  envelope bytea not null,
  blocks bytea not null,
  primary key (agency, event, role)
);
create index entry_by_child on entry (agency, child);
alter table entry alter column blocks set storage external;

create table child (
  agency uuid not null,
  child uuid not null,
  file uuid,               -- the file this one is an alias of
  region text,
  on_file boolean not null,
  since text not null,
  row bytea not null,      -- open fields of the page's head
  blocks bytea not null,   -- closed blocks of its facts, in order
  primary key (agency, child)
);
create index child_by_file on child (agency, file) where file is not null;
create index child_by_region on child (agency, region, child) where on_file;

create table task (
  agency uuid not null,
  child uuid not null,
  kind text not null,
  ref uuid not null,
  since text not null,
  due text,
  missed boolean not null,
  primary key (agency, kind, ref)
);
create index task_by_child on task (agency, child);

-- Search by keyed hashes of names, ID numbers and births (tokens.py says which). Deleted with the row.
create table token (agency uuid not null, token bytea not null, child uuid not null, primary key (agency, token, child));
create index token_by_child on token (agency, child);

alter table entry enable row level security;
alter table entry force row level security;
alter table child enable row level security;
alter table child force row level security;
alter table task enable row level security;
alter table task force row level security;
alter table token enable row level security;
alter table token force row level security;
create policy own on entry using (agency = nullif(current_setting('shouwang.agency', true), '')::uuid);
create policy own on child using (agency = nullif(current_setting('shouwang.agency', true), '')::uuid);
create policy own on task using (agency = nullif(current_setting('shouwang.agency', true), '')::uuid);
create policy own on token using (agency = nullif(current_setting('shouwang.agency', true), '')::uuid);
