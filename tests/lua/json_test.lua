-- gofer.json: values to text and back, exactly.
local gofer = require "gofer"
local check = require "check"
local json, null = gofer.json, gofer.null
local encode, decode = json.encode, json.decode

local tests = {}

function tests.values_have_their_json_text()
  for text, value in pairs {
    ["null"] = null, ["true"] = true, ["false"] = false, ["0"] = 0, ["-7"] = -7,
    ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
    ["9007199254740993"] = 9007199254740993, ["1.0"] = 1.0, ["0.1"] = 0.1, ["1e+300"] = 1e300,
    ["-0.0"] = -0.0, ["3.141592653589793"] = math.pi, ['""'] = "", ['"a\\"b\\\\c/d"'] = 'a"b\\c/d',
    ['"\\b\\f\\n\\r\\t\\u0000\\u0001\\u007f"'] = "\b\f\n\r\t\0\1\127", ['"é€😀"'] = "é€😀",
    ["[1,2,3]"] = { 1, 2, 3 }, ["{}"] = {}, ["[]"] = json.array(),
    ["[[],{}]"] = { json.array {}, {} },
    ['{"a":1,"b":[true,null]}'] = { b = { true, null }, a = 1 },
  } do
    check.equal(encode(value), text)
    check.equal(encode(decode(text)), text)
  end
end

function tests.integers_stay_integers_and_floats_stay_floats()
  check.equal(math.type(decode("1")), "integer")
  check.equal(math.type(decode("1.0")), "float")
  check.equal(math.type(decode("1e2")), "float")
  check.equal(math.type(decode(encode(2.0))), "float")
  check.equal(decode("9223372036854775807"), math.maxinteger)
  check.equal(decode("9223372036854775808"), 2.0 ^ 63)   -- beyond 64 bits there are only floats
  for _ = 1, 2000 do
    local number = string.unpack("n", string.pack("j", math.random(0)))
    if number == number and math.abs(number) < math.huge then
      check.equal(decode(encode(number)), number)
    end
  end
end

function tests.the_same_table_is_the_same_text()
  local keys = {}
  for i = 1, 200 do keys[i] = "key" .. (i * 7919 % 1000) end
  local a, b = {}, {}
  for i = 1, #keys do a[keys[i]] = i end
  for i = #keys, 1, -1 do b[keys[i]] = a[keys[i]] end
  check.equal(encode(a), encode(b))
  check.equal(encode { b = 1, a = 2, ["a b"] = 3, ["ab"] = 4 }, '{"a":2,"a b":3,"ab":4,"b":1}')
end

function tests.escapes_are_read()
  check.equal(decode [["\u0041\u00e9\u20ac\ud83d\ude00\/\"\\\b\f\n\r\t"]], "Aé€😀/\"\\\b\f\n\r\t")
  check.equal(decode '"\\u0000a"', "\0a")
  check.equal(decode ' \t\r\n{ "a" : [ 1 , 2 ] } \n', { a = { 1, 2 } })
  check.equal(decode '{"a":1,"a":2}', { a = 2 })
end

function tests.an_empty_array_comes_back_as_one()
  local list = decode '{"items":[]}'
  check.equal(encode(list), '{"items":[]}')
  list.items[1] = "x"
  check.equal(encode(list), '{"items":["x"]}')
  list.items[1] = nil
  check.equal(encode(list), '{"items":[]}')
end

function tests.what_is_not_json_is_refused_with_its_place()
  for _, text in ipairs {
    "", " ", "nul", "tru", "True", "nan", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1 2",
    "[1,]", "[1", "[,1]", "{", "{a:1}", '{"a"}', '{"a":}', '{"a":1,}', "{'a':1}", '"', '"abc',
    '"\\x"', '"\\u12"', '"\\u12g4"', '"a\nb"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"',
    '"\xff"', '"\xc0\x80"', '"\xed\xa0\x80"', "[1}", "\0", "1\0", '"\\', "1e999", ("["):rep(66),
    "]", "//", "[1]]",
  } do
    local reason = check.fails("EINVAL: not JSON: ", decode, text)
    assert(reason:find("at byte %d+$"), reason)
  end
  check.equal(check.fails("EINVAL", decode, "[1, x]"),
    "EINVAL: not JSON: malformed value at byte 5")
  check.equal(decode(("["):rep(60) .. ("]"):rep(60)) ~= nil, true)
end

function tests.what_json_cannot_hold_is_refused()
  local loop = {}
  loop.loop = loop
  for _, value in ipairs {
    print, { print }, loop, { 1, nil, 3 }, { 1, a = 2 }, { [1.5] = 1 }, { [true] = 1 }, { [0] = 1 },
    math.huge, -math.huge, 0 / 0, "\xff", "\xc3", { ["\xff"] = 1 },
    coroutine.create(print), io.stdout,
  } do
    check.fails("EINVAL: ", encode, value)
  end
end

function tests.null_is_one_value()
  check.equal(decode "null" == null, true)
  check.equal(decode '{"a":null}'.a == null, true)
  check.equal(tostring(null), "null")
  check.equal(getmetatable(null), "null")
end

function tests.random_values_come_back()
  local function value(depth)
    local kind = math.random(depth > 3 and 5 or 7)
    if kind == 1 then return math.random(0) end
    if kind == 2 then return math.random() * 10 ^ math.random(-20, 20) end
    if kind == 3 then return math.random(2) == 1 end
    if kind == 4 then return null end
    if kind == 5 then
      local codes = {}
      for i = 1, math.random(0, 12) do
        codes[i] = utf8.char(({ 0, 34, 92, 65, 233, 8364, 128512 })[math.random(7)])
      end
      return table.concat(codes)
    end
    local out = kind == 6 and json.array {} or {}
    for i = 1, math.random(0, 6) do
      if kind == 6 then
        out[i] = value(depth + 1)
      else
        out["k" .. math.random(99)] = value(depth + 1)
      end
    end
    return out
  end
  for _ = 1, 3000 do
    local one = value(0)
    check.equal(decode(encode(one)), one)
    check.equal(encode(decode(encode(one))), encode(one))
  end
end

return tests
