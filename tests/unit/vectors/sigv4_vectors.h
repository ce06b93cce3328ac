/* Made by sigv4.py. */
/* clang-format off */
#define VECTOR_TOKEN "IQoJb3JpZ2lu+tok/en=="
static const struct {
    const char *name;
    bool token, good;
    const char *request;
} vectors[] = {
    {"client posts", false, true,
     "POST /test/@connections/JC1dgf9yoAMCK-g%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=f0173d7b5fb87d234a2a02a717f07480e39e2a95ea6ee94ea9ca1bd323de95da\n"
     "\n"
     "{\"a\":1}"},
    {"client posts with a token", true, true,
     "POST /test/@connections/JC1dgf9yoAMCK-g%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "X-Amz-Security-Token: IQoJb3JpZ2lu+tok/en==\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=6a136f7c7aa36aa136de9ca8ee0de8e18d6e56300a705da20f6132652d46635e\n"
     "\n"
     "hi"},
    {"client gets", false, true,
     "GET /test/@connections/JC1dgf9yoAMCK-g%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=639e79bbdb7f956026f19b1af24fcbf7ae51d3b4a59cef811e33e80833ab34d8\n"
     "\n"},
    {"client deletes", false, true,
     "DELETE /test/@connections/JC1dgf9yoAMCK-g%3D\n"
     "Host: localhost:8080\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=33f50ae811320e67e8f94bb4f1ddb8526b98d60e3d74eb5f8a5bd27796b64646\n"
     "\n"},
    {"client without a stage", false, true,
     "GET /@connections/a-_4567890123456%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=4d02f83cf69f7196c08875ef2dfa657c0fe6ddc5ac3172654cf4f25f12b5b691\n"
     "\n"},
    {"stage with odd characters", false, true,
     "GET /a$b!c*d'e(f)/@connections/JC1dgf9yoAMCK-g%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=945abcd0421933a66ecf716b270cc9d78aa1f4c421423df384c19aa8b8c66b66\n"
     "\n"},
    {"path sent bare", false, true,
     "POST /test/@connections/x=\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=1a0cd759e636310ea4b35bc16a068326d19f62eee672fbd0938f167ba900b8ee\n"
     "\n"
     "hi"},
    {"path sent encoded", false, true,
     "POST /test/%40connections/x%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=ac249fefbfcc00ebf4671e0abc9e99350ddb46b7905276967e91008296d48e22\n"
     "\n"
     "hi"},
    {"path in lower escapes", false, true,
     "POST /test/%40connections/x%3d\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=f13040fa9e0ed6dd696a80e376083177cff86b72bdf534bf865bae9ab9895e62\n"
     "\n"
     "hi"},
    {"trailing slash", false, true,
     "GET /test/\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=8fddd9dd55472aab91ad64123c64b7d6ef51ca84d0343182a44b95347bc18623\n"
     "\n"},
    {"no path", false, true,
     "GET /\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=2ce0e015133c7dfed88db7c38c86e7eab4904b58cef60ad3be5d0ac881c86d7c\n"
     "\n"},
    {"query", false, true,
     "GET /prod?b=2&a=1&b=1&empty=&name\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=6a4a4cc0fd6bd3a03e8cdec4f13db4f28e0a280e5a124b12635752d5b6558f83\n"
     "\n"},
    {"query with escapes", false, true,
     "GET /prod?q=a%20b%2Bc%26d&%C3%A9=%E2%82%AC\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=f8974cd25c7b02aa6986a89a56acad5b1a4bb6a60085c4cfa9a13262035e8c03\n"
     "\n"},
    {"query with a plus", false, true,
     "GET /prod?q=a+b\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=179f8f2d3b7d2fe95f40572eff827abca4a36be63634630c28766749c79cdc73\n"
     "\n"},
    {"odd spaces in a header", false, true,
     "GET /\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Odd:   a   b  c \n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-odd, Signature=a20ddf701f552206cde5b581a2b1abf333e8048b10b41bd0914ea09116771166\n"
     "\n"},
    {"a header twice", false, true,
     "GET /\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Twice: b\n"
     "X-Twice: a\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-twice, Signature=0215faf570b7ea7f1b9765044ea4a1c9d6a5c2bffb524403f049bd959f24b6e1\n"
     "\n"},
    {"date as HTTP writes it", false, true,
     "GET /\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "Date: Sun, 30 Aug 2015 12:36:00 -0000\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=date;host, Signature=6d4e0b6489358b72035013c7314c4710c28cf462d70cacfbb0618f20e4b1bcd1\n"
     "\n"},
    {"host with a port", false, true,
     "GET /prod\n"
     "Host: localhost:8443\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=9f8dce48afdb13711d9138fdeb1c1331f9dfb22d30d7f266922579d7729dbaaf\n"
     "\n"},
    {"presigned", false, true,
     "GET /prod?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=eadb6c783e05d5b028903671495a69ca8b6eb1de582e609c159e1a3d6b6a2ff7\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "\n"},
    {"presigned for an hour", false, true,
     "GET /prod?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=cc91a6c20829c8f74a948b1f1df5cbc1dbd5fef50e92b7f861bb5f3bd6b02d1d\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "\n"},
    {"presigned without an end", false, true,
     "GET /prod?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=aad0938dcf7999b4618ebc3589d6e332069e9e0f756fa79c9ea3b58696f4d0d6\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "\n"},
    {"presigned with a token", true, true,
     "GET /prod?room=a%20b&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2lu%2Btok%2Fen%3D%3D&X-Amz-Signature=486b8fc0fffb8ae317c8900e8011a5e4e6861be116dc703827713f8b8010865b\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "\n"},
    {"token behind the signature", true, true,
     "GET /prod?room=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=1e31fae5462ed0b7038a56a52c6fbc9328cd30b01e628f1bf9764a9fd448c89b&X-Amz-Security-Token=IQoJb3JpZ2lu%2Btok%2Fen%3D%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "\n"},
    {"path encoded once", false, false,
     "POST /test/@connections/x%3D\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "X-Amz-Content-SHA256: 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=e0389ee03b1e4a6cf3ee9d955a670552900f477381702bfb8bde388402cc7598\n"
     "\n"
     "hi"},
    {"path normalised by the client", false, false,
     "GET //test/../prod\n"
     "Host: abc123.execute-api.us-east-1.amazonaws.com\n"
     "X-Amz-Date: 20150830T123600Z\n"
     "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=e49b54b7f3e9908289ea12bd74f9b1750b3bfff0123c2afff66ddf7ba81671dc\n"
     "\n"},
};
/* Of "GET /" to host "a", by secrets of so many times 's'. */
#define LONG_SECRET_SIZES      {1, 59, 60, 61, 200}
#define LONG_SECRET_SIGNATURES {"8405523942915eb854f1375946da15a1a5a2204e4d370f7dc605e2eb318103ce", "f0e8a5099590e1ce30c0bc338da4c13cb2d1d46818b2d5dcd10b2ed0761ee441", "3899844d2c0f313e402080603be89f542f10f4b92330967be07b239674d783cf", "229ec2234ff2945a5e39b7945e0d355838bd40e755f408d74bad4df50595073e", "c8714d705daa99718a5d8ddad76269028ae7f46c12fe77eb6562ebc09d3b9388"}
/* clang-format on */
