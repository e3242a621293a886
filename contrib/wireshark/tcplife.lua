-- Fields for Wireshark and tshark of the comments that "tcplife read -w" writes on packets.
--
--   tshark -X lua_script:tcplife.lua -r out.pcapng -Y 'tcplife.client.state == "FIN_WAIT_2"'
--
-- Wireshark loads it from the folder "Personal Lua Plugins" (Help, About, Folders). The colouring rules beside it are
-- imported under View, Coloring Rules.
--
-- A comment stands only where something happens. Between, a packet has the connection and the states of the comment
-- before it in the same TCP stream. A connection that tcplife tells from another of the same ports begins with a
-- comment, also where Wireshark counts both as one stream.

local tcplife = Proto("tcplife", "tcplife")

local fields = {
	conn = ProtoField.uint64("tcplife.conn", "Connection", base.DEC, nil, nil,
		"Its first packet's number in the capture that was read"),
	community_id = ProtoField.string("tcplife.community_id", "Community ID"),
	outcome = ProtoField.string("tcplife.outcome", "Handshake"),
	teardown = ProtoField.string("tcplife.teardown", "Teardown"),
	ended_by = ProtoField.string("tcplife.ended_by", "Ended by"),
	client_state = ProtoField.string("tcplife.client.state", "Client", base.ASCII, "Behind this packet"),
	server_state = ProtoField.string("tcplife.server.state", "Server", base.ASCII, "Behind this packet"),
	client_enters = ProtoField.string("tcplife.client.enters", "Client enters", base.ASCII, "By this packet"),
	server_enters = ProtoField.string("tcplife.server.enters", "Server enters", base.ASCII, "By this packet"),
	inferred = ProtoField.bool("tcplife.inferred", "Inferred", base.NONE, nil, nil,
		"No captured segment of that side shows it"),
	withdrawn = ProtoField.string("tcplife.withdrawn", "Withdrawn", base.ASCII,
		"A state that later evidence took back"),
	rule = ProtoField.string("tcplife.rule", "Rule"),
	finding = ProtoField.string("tcplife.finding", "Finding"),
	severity = ProtoField.string("tcplife.severity", "Severity"),
}
tcplife.fields = fields

local frame_comment = Field.new("frame.comment")
local tcp_stream = Field.new("tcp.stream")

local arrow = "→ "
local streams -- what is known of each stream by the packets so far
local packets -- what packets without a comment of their own have from it

function tcplife.init()
	streams, packets = {}, {}
end

-- parse gives what a comment of tcplife says, and nil for another comment.
local function parse(comment)
	local conn, community = comment:match("^tcplife connection (%d+) (%S*)")
	if not conn then
		return nil
	end
	local said = { conn = conn, community_id = community, lines = {} }
	local outcome, teardown, ended_by = comment:match("\nhandshake (%S+), teardown (%S+), ended by (%S+)")
	said.outcome, said.teardown, said.ended_by = outcome, teardown, ended_by
	for line in comment:gmatch("[^\n]+") do
		local code, severity = line:match("^finding (%S+) %((%S+)%)")
		local side, withdrawn = line:match("^(%l+) (%S+) withdrawn")
		local at = line:find(arrow, 1, true)
		if code then
			table.insert(said.lines, { finding = code, severity = severity, text = line })
		elseif withdrawn and (side == "client" or side == "server") then
			table.insert(said.lines, { withdrawn = side .. " " .. withdrawn, text = line })
		elseif at then
			side = line:match("^(%l+) ")
			local state, rest = line:sub(at + #arrow):match("^([%u%d_]+)(.*)$")
			if state and (side == "client" or side == "server") then
				said[side .. "_state"] = state
				table.insert(said.lines, {
					side = side, enters = state, inferred = rest:find("^ %(inferred%)") ~= nil,
					rule = rest:match(": (.*)$"), text = line,
				})
			end
		end
	end
	return said
end

-- kept are the fields that a packet has from the comment before it.
local kept = { "conn", "community_id", "outcome", "teardown", "ended_by", "client_state", "server_state" }

-- follow gives what holds behind the packet: what held before in the stream, and what a comment says.
local function follow(known, said)
	local now = {}
	if said == nil or known ~= nil and known.conn == said.conn then
		for _, name in ipairs(kept) do
			now[name] = known[name]
		end
	end
	for _, name in ipairs(kept) do
		now[name] = said ~= nil and said[name] or now[name]
	end
	return now
end

local function show(tree, now, said)
	local branch = tree:add(tcplife, "tcplife connection " .. now.conn)
	branch:add(fields.conn, UInt64(tonumber(now.conn) % 4294967296, math.floor(tonumber(now.conn) / 4294967296)))
	for _, name in ipairs(kept) do
		if name ~= "conn" and now[name] ~= nil and now[name] ~= "" then
			branch:add(fields[name], now[name])
		end
	end
	for _, line in ipairs(said ~= nil and said.lines or {}) do
		if line.finding then
			local item = branch:add(fields.finding, line.finding)
			item:append_text(line.text:match("^finding %S+( .*)$") or "")
			item:add(fields.severity, line.severity)
		elseif line.withdrawn then
			branch:add(fields.withdrawn, line.withdrawn):append_text(line.text:match("withdrawn(.*)$") or "")
		else
			local item = branch:add(fields[line.side .. "_enters"], line.enters)
			item:add(fields.inferred, line.inferred)
			if line.rule then
				item:add(fields.rule, line.rule)
			end
		end
	end
end

function tcplife.dissector(_, pinfo, tree)
	local all = { tcp_stream() }
	local stream = #all > 0 and all[#all].value or nil -- the innermost
	local commented = false
	for _, comment in ipairs({ frame_comment() }) do
		local said = parse(comment.value)
		if said then
			commented = true
			local known = nil
			if stream ~= nil and not pinfo.visited then
				known = streams[stream]
				streams[stream] = follow(known, said)
				packets[pinfo.number .. "/" .. said.conn] = streams[stream]
			end
			show(tree, packets[pinfo.number .. "/" .. said.conn] or follow(nil, said), said)
		end
	end
	if commented or stream == nil then
		return
	end
	if not pinfo.visited then
		packets[pinfo.number] = streams[stream]
	end
	if packets[pinfo.number] then
		show(tree, packets[pinfo.number])
	end
end

register_postdissector(tcplife, true)
