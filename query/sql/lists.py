"""What ad-hoc SQL may use: positive lists. What is not here is refused, also what a later engine brings.

No function is here that reads a file, a table, a dictionary, a setting or the machine, that takes the name of another
function, a query or raw memory as text, that waits, that is random, or whose cost is not bounded by what it is given.
Sources: ClickHouse documentation, "Functions", "Aggregate Functions", "Window Functions", "Data Types".
"""

from typing import Final

_OPERATORS = """
    plus minus multiply divide modulo negate and or not xor equals notEquals less greater lessOrEquals greaterOrEquals
    like notLike ilike notILike in notIn isNull isNotNull lambda tuple array map arrayElement tupleElement CAST _CAST
    multiIf if concat caseWithExpression caseWithoutExpression
    exists isDistinctFrom isNotDistinctFrom match between coalesce
"""
_CONDITIONS = "ifNull nullIf assumeNotNull toNullable greatest least transform isNaN isFinite isInfinite"
_NUMBERS = """
    abs round floor ceil ceiling trunc truncate sign sqrt cbrt pow power exp exp2 exp10 ln log log2 log10 intDiv
    intDivOrZero mod positiveModulo bitAnd bitOr bitXor bitNot bitShiftLeft bitShiftRight gcd lcm roundBankers
    roundDown max2 min2 pi e widthBucket divideDecimal factorial
"""
_TEXT = """
    length char_length character_length lengthUTF8 empty notEmpty lower upper lowerUTF8 upperUTF8 reverse reverseUTF8
    substring substr mid substringUTF8 left right leftUTF8 rightUTF8 concatWithSeparator concat_ws position locate
    positionCaseInsensitive positionUTF8 positionCaseInsensitiveUTF8 startsWith endsWith startsWithUTF8 endsWithUTF8
    replace replaceOne replaceAll replaceRegexpOne replaceRegexpAll extract extractAll extractAllGroupsHorizontal
    extractAllGroupsVertical extractGroups splitByChar splitByString splitByRegexp splitByWhitespace splitByNonAlpha
    alphaTokens arrayStringConcat trim trimLeft trimRight trimBoth ltrim rtrim leftPad rightPad lpad rpad leftPadUTF8
    rightPadUTF8 repeat space format hasToken hasTokenCaseInsensitive countSubstrings countSubstringsCaseInsensitive
    countMatches countMatchesCaseInsensitive base64Encode base64Decode tryBase64Decode hex unhex ascii initcap
    substringIndex basename path domain topLevelDomain protocol queryString extractURLParameter decodeURLComponent
    levenshteinDistance ngramDistance toValidUTF8 isValidUTF8 appendTrailingCharIfAbsent soundex
"""
_JSON = """
    JSONExtract JSONExtractString JSONExtractInt JSONExtractUInt JSONExtractFloat JSONExtractBool JSONExtractRaw
    JSONExtractArrayRaw JSONExtractKeysAndValues JSONExtractKeysAndValuesRaw JSONExtractKeys JSONHas JSONLength JSONKey
    JSONType isValidJSON JSON_VALUE JSON_QUERY JSON_EXISTS toJSONString simpleJSONExtractString simpleJSONExtractInt
    simpleJSONExtractUInt simpleJSONExtractFloat simpleJSONExtractBool simpleJSONExtractRaw simpleJSONHas
"""
_TIME = """
    now now64 today yesterday toDate toDate32 toDateOrNull toDateTime toDateTimeOrNull toDateTime64 toDateTime64OrNull
    parseDateTimeBestEffort parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero parseDateTime64BestEffort
    parseDateTime64BestEffortOrNull formatDateTime toUnixTimestamp toUnixTimestamp64Milli toUnixTimestamp64Micro
    fromUnixTimestamp fromUnixTimestamp64Milli fromUnixTimestamp64Micro toYear toQuarter toMonth toWeek toISOWeek
    toISOYear toDayOfWeek toDayOfMonth toDayOfYear toHour toMinute toSecond toMillisecond toStartOfYear toStartOfQuarter
    toStartOfMonth toStartOfWeek toMonday toStartOfDay toStartOfHour toStartOfMinute toStartOfSecond
    toStartOfFiveMinutes toStartOfFiveMinute toStartOfTenMinutes toStartOfFifteenMinutes toStartOfInterval toTime
    toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss date_trunc dateTrunc dateDiff date_diff timestampDiff age dateAdd date_add
    dateSub date_sub timestampAdd timestampSub addYears addMonths addWeeks addDays addHours addMinutes addSeconds
    addMilliseconds subtractYears subtractMonths subtractWeeks subtractDays subtractHours subtractMinutes
    subtractSeconds subtractMilliseconds toTimeZone timeSlot timeSlots monthName dateName toLastDayOfMonth
    toIntervalYear toIntervalQuarter toIntervalMonth toIntervalWeek toIntervalDay toIntervalHour toIntervalMinute
    toIntervalSecond toIntervalMillisecond toIntervalMicrosecond formatReadableTimeDelta
"""
_TYPES_OF = """
    toString toBool toInt8 toInt16 toInt32 toInt64 toInt128 toUInt8 toUInt16 toUInt32 toUInt64 toUInt128 toFloat32
    toFloat64 toInt8OrNull toInt16OrNull toInt32OrNull toInt64OrNull toUInt8OrNull toUInt16OrNull toUInt32OrNull
    toUInt64OrNull toFloat32OrNull toFloat64OrNull toInt8OrZero toInt16OrZero toInt32OrZero toInt64OrZero toUInt8OrZero
    toUInt16OrZero toUInt32OrZero toUInt64OrZero toFloat32OrZero toFloat64OrZero toDecimal32 toDecimal64 toDecimal128
    toLowCardinality toFixedString toUUID toUUIDOrNull toIPv4 toIPv4OrNull toIPv6 toIPv6OrNull isIPv4String
    isIPv6String isIPAddressInRange toTypeName materialize identity formatReadableSize formatReadableQuantity
    parseReadableSize parseReadableSizeOrNull parseTimeDelta
"""
_ARRAYS = """
    arrayMap arrayFilter arrayExists arrayAll arrayCount arrayFirst arrayFirstIndex arrayLast arrayLastIndex
    arrayFirstOrNull arrayLastOrNull arraySort arrayReverseSort arrayReverse arrayDistinct arrayUniq arraySum arrayAvg
    arrayMin arrayMax arrayProduct arrayCumSum arrayCumSumNonNegative arrayDifference arrayEnumerate arrayEnumerateUniq
    arrayConcat arraySlice arrayPushBack arrayPushFront arrayPopBack arrayPopFront arrayResize arrayZip arrayFlatten
    flatten arrayCompact arrayIntersect arrayUnion arrayExcept arrayJoin arrayFill arrayReverseFill arraySplit has
    hasAll hasAny hasSubstr indexOf countEqual range emptyArrayString emptyArrayUInt64 arrayRotateLeft arrayShiftLeft
    mapKeys mapValues mapContains mapContainsKey mapFromArrays mapAdd mapFilter mapApply mapSort untuple tupleConcat
    tupleNames dotProduct
"""
_HASHES = "cityHash64 sipHash64 xxHash64 MD5 SHA1 SHA256 halfMD5 farmHash64"
_WINDOWS = """
    row_number rank dense_rank percent_rank cume_dist ntile lag lead lagInFrame leadInFrame first_value last_value
    nth_value nonNegativeDerivative runningDifference neighbor rowNumberInAllBlocks grouping
"""
_AGGREGATES = """
    count countDistinct sum min max avg any anyLast any_value anyHeavy argMin argMax uniq uniqExact uniqCombined
    uniqCombined64 uniqHLL12 groupArray groupUniqArray groupArraySorted groupArrayLast groupArrayInsertAt groupConcat
    quantile quantiles quantileExact quantilesExact quantileTiming quantilesTiming quantileTDigest quantilesTDigest
    median medianExact stddevPop stddevSamp varPop varSamp covarPop covarSamp corr topK topKWeighted sumMap minMap
    maxMap sumWithOverflow sumKahan avgWeighted deltaSum deltaSumTimestamp groupBitAnd groupBitOr groupBitXor
    simpleLinearRegression entropy first last sequenceMatch sequenceCount windowFunnel retention histogram
    maxIntersections maxIntersectionsPosition skewPop kurtPop singleValueOrNull
"""
_COMBINATORS = ("", "If", "Array", "ArrayIf", "Distinct", "DistinctIf", "OrNull", "OrNullIf", "IfOrNull", "OrDefault",
                "OrDefaultIf", "ArgMin", "ArgMax")  # fmt: skip

AGGREGATES: Final = frozenset(
    (name + combinator).lower() for name in _AGGREGATES.split() for combinator in _COMBINATORS
)
FUNCTIONS: Final = AGGREGATES | frozenset(
    name.lower()
    for part in (_OPERATORS, _CONDITIONS, _NUMBERS, _TEXT, _JSON, _TIME, _TYPES_OF, _ARRAYS, _HASHES, _WINDOWS)
    for name in part.split()
)
"""In small letters: the engine has no two functions that differ in nothing else."""

TAKE_FUNCTIONS: Final = frozenset(
    """arrayMap arrayFilter arrayExists arrayAll arrayCount arrayFirst arrayFirstIndex arrayLast arrayLastIndex
    arrayFirstOrNull arrayLastOrNull arraySort arrayReverseSort arraySum arrayAvg arrayMin arrayMax arrayProduct
    arrayCumSum arrayCumSumNonNegative arrayFill arrayReverseFill arraySplit mapFilter mapApply mapSort
    """.lower().split()
)
"""The engine takes a bare name as their first argument for a function: `arrayMap(file, ['/etc/passwd'])`."""
NO_NAMES: Final = ("file", "dictget", "joinget")
"""What a bare name must not begin with, should another function take functions."""

TYPED_BY_TEXT: Final = frozenset({"jsonextract", "jsonextractkeysandvalues"})
"""Functions whose last argument is the name of a type."""

TYPES: Final = frozenset(
    """String FixedString Bool Boolean Int8 Int16 Int32 Int64 Int128 Int256 UInt8 UInt16 UInt32 UInt64 UInt128 UInt256
    Float32 Float64 Decimal Decimal32 Decimal64 Decimal128 Date Date32 DateTime DateTime64 UUID IPv4 IPv6 Array Tuple
    Map Nullable LowCardinality
    Text Int Integer BigInt SmallInt TinyInt Float Double Varchar Char UTC""".lower().split()
)
PARAMETERS: Final = frozenset(
    """String Bool Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64 Date Date32 DateTime DateTime64
    UUID Array Nullable UTC""".lower().split()
)
"""Types that a `{name:Type}` may have; Identifier is none of them."""

ELSEWHERE: Final = {
    "file": "Files cannot be read here.",
    "url": "Nothing outside can be reached from here.",
    "sleep": "Statements that wait are of no use here.",
    "dictget": "There are no dictionaries; join a view instead.",
    "currentdatabase": "Views stand without a database: FROM changes.",
    "version": "GET /version tells it.",
    "rand": "Order by cityHash64(id) for a sample that is the same every time.",
    "arrayreduce": "Use arraySum, arrayMax ..., or ARRAY JOIN with the aggregate function itself.",
    "arrayfold": "Use arraySum, arrayCumSum, arrayFilter, or a window function.",
    "merge": "UNION ALL joins the rows of several views.",
    "values": "Write SELECT ... UNION ALL SELECT ..., or arrayJoin([...]).",
    "generateseries": "Use numbers(N).",
    "generate_series": "Use numbers(N).",
}
"""What to do instead, for what people will try."""
