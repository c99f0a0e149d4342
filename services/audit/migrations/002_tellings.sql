-- The feed has a log of its own. What was heard of it before kept no exact bytes, so it is heard again from the start.
truncate told;
alter table told add column telling bytea not null;
delete from checkpoint where consumer = 'audit.told';
delete from parked where consumer = 'audit.told';

-- What each log's leaves are made of, in one place: leaf index = seq - 1.
create view said (store, seq, bytes) as
  select store, seq, envelope from leaf union all select 'feed', seq, telling from told;

-- Other bytes that were heard for a place that has its leaf. While one stands here nothing is signed.
create table differing (
  store text not null,
  seq bigint not null,
  heard bytea not null,   -- leaf hash of the other bytes
  at timestamptz not null default now(),
  primary key (store, seq, heard)
);

-- The keys that this installation signed under, oldest first: one follows another by an explicit act alone.
create table signing_key (
  id bigint generated always as identity primary key,
  public text not null,
  at timestamptz not null
);
