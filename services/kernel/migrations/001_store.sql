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

-- Group commit: all commands that wait are appended by one call. A command that repeats, is stale or claims what
-- another holds drops out whole; the others are numbered without a gap. Arrays c_* hold one entry a command, e_* one
-- an event and k_* one a claim, with the command's place (from 1) in e_command and k_command.
create function append(
  c_key bytea[], c_body bytea[], c_answer bytea[],
  e_command integer[], e_id uuid[], e_stream uuid[], e_version integer[], e_partition smallint[], e_orderkey text[],
  e_type text[], e_at timestamptz[], e_envelope bytea[], e_blocks bytea[], e_leaf bytea[],
  k_command integer[], k_token bytea[], k_holder uuid[]
) returns table (command integer, outcome text, first_seq bigint, body bytea, answer bytea, holder uuid)
language plpgsql security definer set search_path = public as $$
#variable_conflict use_column
declare
  h bigint;
  total bigint;
  dropped integer[];
  stale integer[];
begin
  select head into h from store for update;
  -- From here on every statement's snapshot is later than the last append.
  return query
    select c.place::integer, 'repeated', k.first_seq, k.body, k.answer, null::uuid
    from unnest(c_key) with ordinality c (key, place) join command k on k.key = c.key
    where c.key is not null;
  dropped := array(
    select c.place::integer from unnest(c_key) with ordinality c (key, place) join command k on k.key = c.key);

  return query
    select distinct on (e.command) e.command, 'repeated', old.seq, null::bytea, null::bytea, null::uuid
    from unnest(e_command, e_id) e (command, id) join event old on old.id = e.id
    where e.command <> all (dropped) order by e.command, old.seq;
  dropped := dropped || array(
    select e.command from unnest(e_command, e_id) e (command, id) join event old on old.id = e.id);

  -- Stale: the stream doesn't end just before the command's first version, or its versions leave a gap. Ours start
  -- at 1; streams of the `eventsourcing` library may start at 0.
  stale := array(
    select f.command
    from (select e.command, e.stream, min(e.version) as first, max(e.version) - min(e.version) + 1 <> count(*) as gap
          from unnest(e_command, e_stream, e_version) e (command, stream, version) group by 1, 2) f
    where f.command <> all (dropped)
      and (f.gap or f.first <> 1 + coalesce(
        (select max(old.version) from event old where old.stream = f.stream), least(f.first, 1) - 1)));
  return query
    select distinct s.command, 'stale', null::bigint, null::bytea, null::bytea, null::uuid
    from unnest(stale) s (command);
  dropped := dropped || stale;

  return query
    select distinct on (k.command) k.command, 'claimed', null::bigint, null::bytea, null::bytea, c.holder
    from unnest(k_command, k_token, k_holder) k (command, token, holder) join claim c on c.token = k.token
    where c.holder <> k.holder and k.command <> all (dropped) order by k.command;
  dropped := dropped || array(
    select k.command
    from unnest(k_command, k_token, k_holder) k (command, token, holder) join claim c on c.token = k.token
    where c.holder <> k.holder);

  insert into claim (token, holder)
    select k.token, k.holder from unnest(k_command, k_token, k_holder) k (command, token, holder)
    where k.command <> all (dropped)
    on conflict do nothing;

  return query with numbered as (
    select e.*, h + row_number() over (order by e.place) as seq
    from unnest(e_command, e_id, e_stream, e_version, e_partition, e_orderkey, e_type, e_at, e_envelope, e_blocks, e_leaf)
      with ordinality e (command, id, stream, version, partition, orderkey, type, at, envelope, blocks, leaf, place)
    where e.command <> all (dropped)
  ), stored as (
    insert into event
      select n.seq, n.id, n.stream, n.version, n.partition, n.orderkey, n.type, n.at, n.envelope, n.blocks, n.leaf
      from numbered n
  ), remembered as (
    insert into command
      select c.key, c.body, c.answer, coalesce((select min(n.seq) from numbered n where n.command = c.place), h)
      from unnest(c_key, c_body, c_answer) with ordinality c (key, body, answer, place)
      where c.key is not null and c.place <> all (dropped)
  )
  select c.place::integer, 'appended', (select min(n.seq) from numbered n where n.command = c.place),
         null::bytea, null::bytea, null::uuid
  from unnest(c_key) with ordinality c (key, place) where c.place <> all (dropped);

  select count(*) into total from unnest(e_command) e (command) where e.command <> all (dropped);
  if total > 0 then update store set head = h + total; end if;
end $$;

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
