-- Group commit: all commands that wait are appended by one call, or none is, and the call says which may not be: the
-- caller sends the others again. So numbers follow from places in the arrays, and the common case is two probes, two
-- inserts and one update. Arrays c_* hold one entry a command (c_before: events of the commands before it), e_* one an
-- event and k_* one a claim, with the command's place (from 1) in e_command and k_command.
--
-- Plans of a function are kept for the session, and may be made while the table is empty: without the settings they
-- read the whole log with each append from then on.
drop function if exists append(
  bytea[], bytea[], bytea[], integer[], uuid[], uuid[], integer[], smallint[], text[], text[], timestamptz[], bytea[],
  bytea[], bytea[], integer[], bytea[], uuid[]);

create function append(
  c_key bytea[], c_body bytea[], c_answer bytea[], c_before integer[],
  e_command integer[], e_id uuid[], e_stream uuid[], e_version integer[], e_partition smallint[], e_orderkey text[],
  e_type text[], e_at timestamptz[], e_envelope bytea[], e_blocks bytea[], e_leaf bytea[],
  k_command integer[], k_token bytea[], k_holder uuid[]
) returns table (command integer, rank integer, outcome text, first_seq bigint, body bytea, answer bytea, holder uuid)
language plpgsql security definer set search_path = public
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  h bigint;
begin
  select head into h from store for update;
  -- From here on every statement's snapshot is later than the last append.
  return query
    select c.place::integer, 1, 'repeated', k.first_seq, k.body, k.answer, null::uuid
    from unnest(c_key) with ordinality c (key, place) join command k on k.key = c.key
    where c.key is not null
  union all
    select e.command, 2, 'repeated', old.seq, null, null, null
    from unnest(e_command, e_id) e (command, id) join event old on old.id = e.id
  union all
    -- The stream doesn't end just before the command's first version, or its versions leave a gap. Ours start at 1;
    -- streams of the `eventsourcing` library may start at 0.
    select f.command, 3, 'stale', null, null, null, null
    from (select e.command, e.stream, min(e.version) as first, max(e.version) - min(e.version) + 1 <> count(*) as gap
          from unnest(e_command, e_stream, e_version) e (command, stream, version) group by 1, 2) f
    where f.gap or f.first <> 1 + coalesce(
      (select old.version from event old where old.stream = f.stream order by old.version desc limit 1),
      least(f.first, 1) - 1)
  union all
    select k.command, 4, 'claimed', null, null, null, c.holder
    from unnest(k_command, k_token, k_holder) k (command, token, holder) join claim c on c.token = k.token
    where c.holder <> k.holder;
  if found then return; end if;

  if cardinality(k_token) > 0 then
    insert into claim (token, holder)
      select k.token, k.holder from unnest(k_token, k_holder) k (token, holder) on conflict do nothing;
  end if;
  insert into event
    select h + e.place, e.id, e.stream, e.version, e.partition, e.orderkey, e.type, e.at, e.envelope, e.blocks, e.leaf
    from unnest(e_id, e_stream, e_version, e_partition, e_orderkey, e_type, e_at, e_envelope, e_blocks, e_leaf)
      with ordinality e (id, stream, version, partition, orderkey, type, at, envelope, blocks, leaf, place);
  insert into command
    select c.key, c.body, c.answer, h + c.before + 1
    from unnest(c_key, c_body, c_answer, c_before) c (key, body, answer, before) where c.key is not null;
  if cardinality(e_id) > 0 then update store set head = h + cardinality(e_id); end if;
  return query select 0, 0, 'appended', h + 1, null::bytea, null::bytea, null::uuid;
end $$;
