-- The event store of one service. `seq` is dense, starts at 1 and follows commit order: an append locks the one row of
-- `store` and holds it until commit, so whoever has seen n has seen everything below n.
create table store (
  one boolean primary key default true check (one),
  incarnation uuid not null default gen_random_uuid(),
  head bigint not null default 0
);
insert into store default values;

create table event (
  seq bigint primary key,
  id uuid not null unique,
  stream uuid not null,
  version integer not null,
  partition smallint not null,
  orderkey text not null,
  type text not null,
  recorded_at timestamptz not null,
  envelope bytea not null,   -- the exact bytes that are published, fed and hashed
  blocks bytea not null,     -- sealed blocks, packed
  leaf bytea not null,       -- RFC 6962 leaf hash of `envelope`
  unique (stream, version)
);
create index event_by_partition on event (partition, seq);
alter table event alter column blocks set storage external;  -- ciphertext does not compress

-- Idempotency keys, stored with the events: the first answer is given again.
create table command (
  key bytea primary key,
  body bytea not null,
  answer bytea not null,
  first_seq bigint not null,
  recorded_at timestamptz not null default now()
);

-- What only one stream may hold: the keyed token of an ID number (one child, one file).
create table claim (token bytea primary key, holder uuid not null);
create index claim_by_holder on claim (holder);

-- How far a log was published, and to which bus.
create table relay (source text primary key, bus text not null, place bigint not null);

create table checkpoint (
  consumer text not null,
  source text not null,
  partition smallint not null,
  incarnation uuid not null,
  seq bigint not null,
  primary key (consumer, source, partition)
);

-- Records set aside: a bad one, what waits for another store, and everything later of the same child behind them.
create table parked (
  consumer text not null,
  source text not null,
  seq bigint not null,
  partition smallint not null,
  orderkey text not null,
  reason text not null,
  awaits text,
  record bytea not null,
  primary key (consumer, source, seq)
);
create index parked_by_key on parked (consumer, orderkey, source, seq);

-- Each service's copy of the reference topic.
create table reference (kind text not null, id text not null, seq bigint not null, data bytea not null,
                        primary key (kind, id));

-- Where children are on file, as a service other than the registry has heard.
create table residence (child uuid primary key, region text not null);
