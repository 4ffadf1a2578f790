//! What the two invented providers sell, where, and how their customers name and tag things.
//!
//! Public vocabulary only (service and region names); every account, id and price is made up.

/// How a product's quantity is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meter {
    /// By time: the quantity is hours.
    Hours,
    /// By amount: the quantity is a number of units.
    Amount,
}

/// One thing that is sold.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) service_name: &'static str,
    pub(crate) service_code: &'static str,
    pub(crate) service_category: &'static str,
    pub(crate) resource_type: &'static str,
    pub(crate) id_prefix: &'static str,
    pub(crate) usage_type: &'static str,
    pub(crate) sku: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) meter: Meter,
    /// Base list price of one unit in millionths of the currency.
    pub(crate) price_micro: u64,
}

/// A region and its zones.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) zones: &'static [&'static str],
}

const fn product(
    names: [&'static str; 4],
    id_prefix: &'static str,
    usage: [&'static str; 3],
    meter: Meter,
    price_micro: u64,
) -> Product {
    let [service_name, service_code, service_category, resource_type] = names;
    let [usage_type, sku, unit] = usage;
    Product {
        service_name,
        service_code,
        service_category,
        resource_type,
        id_prefix,
        usage_type,
        sku,
        unit,
        meter,
        price_micro,
    }
}

const EC2: &str = "Amazon Elastic Compute Cloud";

pub(crate) const AWS_PRODUCTS: [Product; 10] = [
    product(
        [EC2, "AmazonEC2", "Compute", "Compute Instance"],
        "i-",
        ["BoxUsage:m5.large", "VEAJHRNKTJZQ", "Hrs"],
        Meter::Hours,
        96_000,
    ),
    product(
        [EC2, "AmazonEC2", "Compute", "Compute Instance"],
        "i-",
        ["BoxUsage:c6g.4xlarge", "QG4R2ZSKU7YM", "Hrs"],
        Meter::Hours,
        544_000,
    ),
    product(
        [EC2, "AmazonEC2", "Storage", "Storage"],
        "vol-",
        ["EBS:VolumeUsage.gp3", "HY3BZPP2B6K8", "GB-Mo"],
        Meter::Amount,
        80_000,
    ),
    product(
        [
            "Amazon Relational Database Service",
            "AmazonRDS",
            "Databases",
            "Database Instance",
        ],
        "db-",
        ["InstanceUsage:db.r6g.large", "4C6WQ3TFM9V8", "Hrs"],
        Meter::Hours,
        225_000,
    ),
    product(
        ["Amazon Simple Storage Service", "AmazonS3", "Storage", "Storage"],
        "bucket-",
        ["TimedStorage-ByteHrs", "WP9ANXZGBYYS", "GB-Mo"],
        Meter::Amount,
        23_000,
    ),
    product(
        [
            "Amazon Simple Queue Service",
            "AWSQueueService",
            "Integration",
            "API Request",
        ],
        "queue-",
        ["Requests-Tier1", "G95FST5FTYV3", "Requests"],
        Meter::Amount,
        1,
    ),
    product(
        ["AWS Lambda", "AWSLambda", "Compute", "Serverless"],
        "fn-",
        ["Lambda-GB-Second", "TG3M4CAGBA3N", "Lambda-GB-Second"],
        Meter::Amount,
        17,
    ),
    product(
        [
            "Elastic Load Balancing",
            "AWSELB",
            "Networking",
            "Load Balancer-Application",
        ],
        "app/",
        ["LCUUsage", "2ETY8Y426S42", "LCU-Hrs"],
        Meter::Amount,
        8_000,
    ),
    product(
        [
            "AWS Data Transfer",
            "AWSDataTransfer",
            "Networking",
            "Data Transfer",
        ],
        "",
        ["DataTransfer-Out-Bytes", "HQEH3ZWJVT46", "GB"],
        Meter::Amount,
        90_000,
    ),
    product(
        ["Amazon Route 53", "AmazonRoute53", "Networking", "DNS Query"],
        "",
        ["DNS-Queries", "4D4CTZAWVJBS", "Queries"],
        Meter::Amount,
        1,
    ),
];

pub(crate) const AWS_REGIONS: [Region; 6] = [
    Region {
        id: "us-east-1",
        name: "US East (N. Virginia)",
        zones: &["us-east-1a", "us-east-1b", "us-east-1f"],
    },
    Region {
        id: "us-west-2",
        name: "US West (Oregon)",
        zones: &["us-west-2a", "us-west-2b"],
    },
    Region {
        id: "eu-central-1",
        name: "Europe (Frankfurt)",
        zones: &["eu-central-1a", "eu-central-1b"],
    },
    Region {
        id: "ap-northeast-1",
        name: "Asia Pacific (Tokyo)",
        zones: &["ap-northeast-1a", "ap-northeast-1c"],
    },
    Region {
        id: "cn-north-1",
        name: "China (Beijing)",
        zones: &["cn-north-1a"],
    },
    Region {
        id: "global",
        name: "",
        zones: &[""],
    },
];

pub(crate) const QING_PRODUCTS: [Product; 9] = [
    product(
        ["云服务器", "instance", "Compute", "instance"],
        "i-",
        ["cpu_memory", "e3-4c8g", "hour"],
        Meter::Hours,
        620_000,
    ),
    product(
        ["云服务器", "instance", "Compute", "instance"],
        "i-",
        ["cpu_memory", "p3-16c64g", "hour"],
        Meter::Hours,
        3_940_000,
    ),
    product(
        ["硬盘", "volume", "Storage", "volume"],
        "vol-",
        ["size", "ssd-100g", "hour"],
        Meter::Hours,
        110_000,
    ),
    product(
        ["公网 IP", "eip", "Networking", "eip"],
        "eip-",
        ["bandwidth", "bgp-10m", "hour"],
        Meter::Hours,
        480_000,
    ),
    product(
        ["负载均衡器", "loadbalancer", "Networking", "loadbalancer"],
        "lb-",
        ["node", "lb-5k", "hour"],
        Meter::Hours,
        260_000,
    ),
    product(
        ["关系型数据库", "rdb", "Databases", "rdb"],
        "rdb-",
        ["node", "mysql-4c16g", "hour"],
        Meter::Hours,
        1_780_000,
    ),
    product(
        ["缓存服务", "cache", "Databases", "cache"],
        "c-",
        ["node", "redis-8g", "hour"],
        Meter::Hours,
        540_000,
    ),
    product(
        ["对象存储", "qingstor", "Storage", "bucket"],
        "bucket-",
        ["storage", "std", "GB"],
        Meter::Amount,
        5_200,
    ),
    product(
        ["AI 推理", "qai", "AI and Machine Learning", "qai"],
        "qai-inf-",
        ["gpu", "a100-1", "hour"],
        Meter::Hours,
        22_240_000,
    ),
];

pub(crate) const QING_REGIONS: [Region; 4] = [
    Region {
        id: "pek3",
        name: "北京 3 区",
        zones: &["pek3a", "pek3b", "pek3c"],
    },
    Region {
        id: "sh1",
        name: "上海 1 区",
        zones: &["sh1a", "sh1b"],
    },
    Region {
        id: "gd2",
        name: "广东 2 区",
        zones: &["gd2a"],
    },
    Region {
        id: "ap2",
        name: "Asia Pacific 2",
        zones: &["ap2a"],
    },
];

pub(crate) const PROJECTS: [&str; 8] = [
    "web-shop",
    "data-platform",
    "mobile-api",
    "ml-training",
    "internal-tools",
    "search",
    "payments",
    "archive",
];

/// A tag key and the values that people gave it. `None` is a tag without a value, `Some("")` an empty value.
pub(crate) type TagChoice = (&'static str, &'static [Option<&'static str>]);

/// Keys that differ in case only, keys with spaces and colons, keys and values of other scripts.
pub(crate) const TAGS: [TagChoice; 9] = [
    (
        "team",
        &[
            Some("payments"),
            Some("search"),
            Some("data"),
            Some("core platform"),
            Some(""),
        ],
    ),
    ("env", &[Some("prod"), Some("staging"), Some("dev")]),
    ("Env", &[Some("Prod"), Some("prod")]),
    ("cost center", &[Some("cc-0042"), Some("cc-1042"), Some("007")]),
    ("CostCenter", &[Some("CC-0042"), Some("cc-1042")]),
    (
        "k8s:namespace",
        &[Some("default"), Some("kube-system"), Some("batch/etl")],
    ),
    ("owner", &[Some("li.wei@example.com"), Some("o'brien"), Some("")]),
    ("spot", &[None]),
    ("业务线", &[Some("电商"), Some("数据平台")]),
];

/// Names that break careless readers and writers: delimiters, quotes, line ends, formulas, other scripts,
/// direction marks, markup. None is empty, a null literal, or begins or ends with a space.
pub(crate) const HOSTILE: [&str; 16] = [
    "a,b;c|d",
    "say \"hi\"",
    "\"",
    "line one\nline two",
    "carriage\r\nreturn",
    "tab\tbed",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "云服务器（测试），一号",
    "שלום עולם",
    "\u{202e}gnp.exe",
    "<script>alert(1)</script>",
    "back\\slash\\",
    "emoji 💸👩‍💻",
    "e\u{301}tude",
];
