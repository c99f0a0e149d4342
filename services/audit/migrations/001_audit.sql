-- Every event of every store as its exact bytes, and the Merkle tree over them: leaf index = seq - 1.
create table leaf (
  store text not null,
  seq bigint not null,
  event uuid not null,
  subject text not null,
  type text not null,
  file text,              -- of an identification: the file that the subject is an alias of
  recorded_at text not null,
  envelope bytea not null,
  primary key (store, seq)
);
create unique index leaf_by_event on leaf (event);
create index leaf_by_subject on leaf (subject, type);

create index leaf_by_file on leaf (file) where file is not null;

-- The tree covers the contiguous beginning of a store's log; what lies beyond a gap waits.
create table log (store text primary key, incarnation uuid not null, size bigint not null);
create table node (store text not null, level smallint not null, index bigint not null, hash bytea not null,
                   primary key (store, level, index));

-- What was signed, kept: two of them can be proved consistent.
create table signed (id bigint generated always as identity primary key, at timestamptz not null, note text not null);

-- What each body was told, and when: the feed as the audit service heard it.
create table told (
  seq bigint primary key,
  agency uuid not null,
  child uuid not null,
  event uuid not null,
  role text not null,
  clause text not null,
  classes text[] not null,
  withheld text[] not null,
  disclosed_at timestamptz not null
);
create index told_by_child on told (agency, child);
create index told_by_event on told (event);

-- Who asked the audit service about whom, written before the answer leaves.
create table look (
  id uuid primary key, at timestamptz not null, agency uuid not null, post uuid not null, person uuid not null,
  purpose text not null, operation text not null, subjects text[] not null
);
