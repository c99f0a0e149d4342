"""The sync face of the store for the `eventsourcing` library: its recorders, its mapper, its factory.

How a library event stands in our store: `stream` = originator id, `version` = originator version, `type` = topic,
`orderkey` = originator id, `seq` = notification id. A state that is one of our envelopes (packed by `pack_state`) goes
into `envelope` and `blocks` byte for byte, with the envelope's own id and order key. Any other state goes into
`envelope` as it is, and the event's id is `derived_id("library", originator id, version)`: by that id a row is known as
the library's when it is read. A relay publishes whatever its log holds, so applications whose states are not envelopes
want a database of their own. Snapshots are refused: they would keep open what is sealed.
"""
