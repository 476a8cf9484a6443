"""What columns are called in shops' exports, by what they hold: data for ``vocabulary``.

The first list of a role is what it is called for certain, the second what it may be called; names are parted by ``;``.
English in its usual spellings, the usual Chinese headers, and some Japanese, German, French and Spanish ones.
"""

from collections.abc import Mapping

from models import columns as col

# roles that are no column of a contract: what init makes one of, or leaves out and says why
UNIT_PRICE = "unit_price"
DAY = "day"
CLOCK = "clock"
STATUS = "status"
PRODUCT_NAME = "product_name"
OTHER = "other"

NAMES: Mapping[str, tuple[str, str]] = {
    col.CUSTOMER_ID: (
        """
        customer id; customer; customer no; customer number; customer code; cust id; cust; cust no; cust code;
        customer key; member id; member; member no; member number; client id; client; client no; shopper id;
        shopper; user id; userid; household key; household id; household; card no; card id; card number;
        loyalty card; loyalty id; buyer id; buyer; consumer id; account id; account no; customer user id;
        会员号; 会员id; 会员编号; 会员卡号; 会员; 客户编号; 客户id; 客户号; 客户; 顾客; 顾客id; 顾客编号;
        用户id; 用户; 用户编号; 买家id; 买家; 買家; 会員番号; 顧客; 顧客id; 顧客番号; kunde; kunden id;
        kundennummer; kunden nr; kundennr; kundenr; mitgliedsnummer; id client; numero client; code client;
        cliente; id cliente; codigo cliente; numero de client
        """,
        """
        user; account; email; e mail; mail; customer email; billing email; phone; phone number; mobile;
        visitor id; person id; patron; guest id; subscriber id; hashed email; uid; cid; card; loyalty; 手机号;
        手机; 电话; 会员手机号; 买家昵称; 客户名称; 用户名
        """,
    ),
    col.ORDERED_AT: (
        """
        ordered at; order date; order time; order datetime; order timestamp; order created at; invoice date;
        transaction date; transaction time; transaction timestamp; transaction dt; trans date; trans dt;
        txn date; txn time; purchase date; purchase time; purchased at; sale date; sales date; sold at;
        shop date; receipt date; basket date; ticket date; bill date; order purchase timestamp;
        date of purchase; paid at; 下单时间; 下单日期; 订单时间; 订单日期; 交易日期; 交易时间; 购买时间;
        购买日期; 销售日期; 销售时间; 付款时间; 支付时间; 订单创建时间; 购物日期; 消费日期; 消费时间;
        订单付款时间; 購入日; 注文日; 日付; bestelldatum; kaufdatum; rechnungsdatum; auftragsdatum; belegdatum;
        date commande; date de commande; date achat; date d achat; fecha; fecha pedido; fecha compra;
        fecha de compra; fecha de pedido
        """,
        """
        date; datetime; timestamp; time; created at; created; created date; day; dt; order day; event time;
        when; 日期; 时间; 创建时间; 成交时间; datum; zeitpunkt; date heure; jour; business date; posting date
        """,
    ),
    col.ORDER_ID: (
        """
        order id; order no; order number; order; orderid; invoice; invoice no; invoice number; invoice id;
        receipt; receipt id; receipt no; receipt number; basket id; basket; transaction id; transaction no;
        transaction number; trans id; trans no; txn id; ticket; ticket id; ticket no; ticket number; bill no;
        bill id; bill number; sales order; cart id; purchase id; checkout id; 订单号; 订单编号; 订单id; 单号;
        小票号; 小票编号; 销售单号; 流水号; 交易号; 交易单号; 交易流水号; 主订单编号; bestellnummer;
        bestell nr; auftragsnummer; rechnungsnummer; rechnungs nr; belegnummer; beleg nr; belegnr; rechnungsnr;
        bestellnr; auftragsnr; bon nr; bonnr; bonnummer; numero commande; no commande; numero de commande;
        id commande; numero pedido; id pedido; pedido; numero de pedido; factura
        """,
        """
        oid; transaction; session id; user session; document no; doc no; check no; visit id; trip id; beleg;
        commande
        """,
    ),
    col.PRODUCT_ID: (
        """
        product id; product; product code; product no; product number; product key; prod id; prod code; prod;
        stock code; stockcode; sku; sku id; sku code; item id; item; item code; item no; item number; item sku;
        article id; article; article no; article number; article code; ean; ean code; upc; upc code; gtin;
        barcode; plu; asin; isbn; goods id; goods code; material; material no; lineitem sku; variant sku;
        商品编码; 商品编号; 商品id; 商品代码; 商品号; 货号; sku编码; sku编号; 产品编号; 产品编码; 产品id; 条码;
        商品条码; 条形码; 款号; 商家编码; 商品コード; 品番; artikel; artikelnummer; artikel nr; artikelnr;
        artikel id; produkt; produkt id; produktnummer; ref article; code article; code produit; produit;
        reference; articulo; producto; codigo producto; id producto; codigo articulo
        """,
        "pid; code; variant id; style; style code; model; 商品; 产品; 宝贝id; ref; referencia",
    ),
    col.QUANTITY: (
        """
        quantity; qty; units; pieces; pcs; unit sales; units sold; quantity sold; qty sold; item quantity;
        order quantity; quantity ordered; lineitem quantity; order qty; item qty; number of items; no of items;
        num items; item count; 数量; 件数; 购买数量; 销售数量; 销量; 商品数量; 购买件数; 個数; menge; anzahl;
        stueckzahl; stuckzahl; quantite; qte; cantidad; unidades
        """,
        "q; qnt; count; number; volume; num; amount; sold; stuck; stueck; nombre",
    ),
    UNIT_PRICE: (
        """
        unit price; unitprice; price per unit; price each; item price; price; unit cost price; selling price;
        unit selling price; lineitem price; item cost; unit retail; product price; price per item; unit amount;
        单价; 销售单价; 商品单价; 价格; 售价; 单品价格; 单品价; 商品价格; 単価; einzelpreis; stueckpreis;
        stuckpreis; preis; prix unitaire; prix; pu; precio unitario; precio
        """,
        "sales price; sale price; retail price; rate; base price; unit value; avg price",
    ),
    col.AMOUNT: (
        """
        amount; amount paid; paid amount; line total; line amount; line value; total amount; total price;
        sales value; sales amount; sale amount; sales; revenue; net sales; net revenue; gross sales;
        total sales; net amount; gross amount; turnover; spend; spent; spending; total spend; total spent;
        paid; amt; sales amt; extended price; extended amount; order line total; line price; sum;
        purchase amount; transaction amount; payment value; item total; monetary; sales usd; dollars; euros;
        金额; 实付金额; 实收; 实收金额; 实付; 销售金额; 销售额; 应付金额; 支付金额; 付款金额; 成交金额;
        交易金额; 总金额; 总价; 小计; 消费金额; 订单金额; 实际支付金额; 買家实际支付金额; 買上金額; 金額; 合計;
        betrag; umsatz; summe; gesamtbetrag; gesamtpreis; gesamt; zeilenbetrag; montant; montant ttc;
        chiffre d affaires; ca; importe; importe total; monto; total linea
        """,
        """
        total; value; sales price; sale price; payment; cost; money; net; gross; subtotal; order value;
        net value; gross value; basket value
        """,
    ),
    col.DISCOUNT: (
        """
        discount; discount amount; discount amt; line discount; discount value; rebate; markdown;
        price reduction; retail disc; coupon disc; coupon match disc; disc; disc amt; lineitem discount;
        item discount; 折扣; 折扣金额; 优惠; 优惠金额; 让利; 割引; rabatt; rabattbetrag; nachlass; remise;
        reduction; descuento
        """,
        "savings; promo amount; promotion amount; coupon; coupon amount; coupon value",
    ),
    col.CHANNEL: (
        """
        channel; sales channel; order channel; source channel; sales channel id; order source; 渠道; 销售渠道;
        订单来源; 来源; vertriebskanal; kanal; canal; canal de venta
        """,
        "platform; medium; source; origin; device",
    ),
    col.STORE_ID: (
        """
        store id; store; store no; store number; store code; shop id; shop; shop no; shop code; branch;
        branch id; outlet; outlet id; location id; pos id; location; 门店; 店铺; 门店编号; 门店编码; 门店id;
        店铺名称; 店铺id; 门店名称; 店号; 店舗; filiale; filial nr; filialnummer; markt; magasin; tienda;
        sucursal
        """,
        "site; store name; warehouse; point of sale; vendor location",
    ),
    PRODUCT_NAME: (
        """
        description; product name; item name; article name; product description; item description;
        lineitem name; product title; item title; sku name; goods name; prod name; sku description;
        stock description; item desc; product desc; 商品名称; 品名; 商品名; 产品名称; 货品名称; 宝贝标题;
        商品标题; 标题; 品目; bezeichnung; artikelbezeichnung; artikelname; produktname; designation; libelle;
        nom produit; descripcion; nombre producto; nombre del producto
        """,
        "desc; title; name; text; product type name; beschreibung; detail desc; nombre; nom",
    ),
    col.DEPARTMENT: (
        """
        department; dept; department name; division; department desc; section; 部门; 大类; 一级类目; 一级分类;
        abteilung; rayon; departamento
        """,
        "department id; department no; sector; line of business; garment group name",
    ),
    col.CATEGORY: (
        """
        category; category name; product category; item category; product group; product category name;
        category code; product group name; commodity desc; commodity; class; product class; 分类; 类别; 品类;
        类目; 商品分类; 商品类别; 商品类目; 中类; 二级类目; 二级分类; カテゴリ; kategorie; warengruppe;
        produktgruppe; categorie; famille; categoria
        """,
        "category id; group; family; item group; product type; product category id; type",
    ),
    col.SUBCATEGORY: (
        """
        subcategory; sub category; sub category name; subclass; product subclass; sub class;
        product subcategory; product type; sub commodity desc; sub commodity; product type name; 小类;
        三级类目; 三级分类; 子类目; unterkategorie; sous categorie; subcategoria
        """,
        "category 2; type name; segment",
    ),
    col.BRAND: (
        """
        brand; brand name; manufacturer; brand id; product brand; 品牌; 品牌名称; 商标; ブランド; marke;
        hersteller; marque; marca
        """,
        "maker; manufacturer id; label; supplier; vendor",
    ),
    STATUS: (
        """
        status; order status; state of order; order state; financial status; payment status; line status;
        transaction status; transaction type; trans type; type of transaction; movement type; event type;
        return flag; is return; returned; refund status; cancelled; is cancelled; 订单状态; 状态; 交易状态;
        退款状态; 售后状态; auftragsstatus; bestellstatus; statut; statut commande; estado; estado del pedido
        """,
        "state; type; flag; 类型",
    ),
    CLOCK: (
        """
        time; trans time; transaction time; order time; time of day; purchase time; sale time; invoice time;
        hour; shop hour; 时间; 交易时间; 下单时间; 销售时间; uhrzeit; zeit; heure; hora
        """,
        "",
    ),
    OTHER: (
        """
        customer name; customer segment; customer group; customer type; customer city; customer country;
        customer state; age group; age; pin code; zip; zip code; postal code; post code; postcode; country;
        city; region; address; gender; shipping; tax; taxes; currency; discount code; coupon code;
        payment method; shipping method; asset; unit cost; cost price; cost; profit; margin;
        customer lifestage; customer price sensitivity; week no; week; month; year; quarter; weekday;
        lineitem compare at price; product category count; cust lifestage; cust price sensitivity;
        shop weekday; shop week; row id; index; line no; line number; ship date; delivery date; due date;
        cancelled at; refunded amount; fulfilled at; promo id; promotion id; sales channel url; 国家; 省份;
        城市; 性别; 年龄; 收货地址; 备注; 成本; 利润; 发货时间; land; pays; pais; ort; plz; ville; ciudad
        """,
        "",
    ),
    col.JOINED_AT: (
        """
        joined at; join date; joined; signup date; sign up date; registered at; registration date;
        member since; created at; customer since; first seen; enrolment date; enrollment date; opened at;
        注册时间; 注册日期; 入会时间; 入会日期; anmeldedatum; date inscription; fecha alta; fecha de alta
        """,
        "created; date",
    ),
    col.VALID_FROM: (
        "valid from; valid since; effective from; effective date; as of; gueltig ab; gultig ab",
        "",
    ),
    col.CAMPAIGN_ID: (
        """
        campaign id; campaign; campaign no; campaign key; campaign code; mailing id; mailing; campaign name;
        活动id; 活动编号; kampagne; kampagnen id; campagne; campana
        """,
        "promotion id; newsletter id; journey id",
    ),
    col.SENT_AT: (
        """
        sent at; sent; sent date; send date; send time; sent time; mailed at; contacted at; contact date;
        delivered at; mail date; 发送时间; versanddatum; date envoi; fecha envio
        """,
        "date; start date; timestamp; time; created at; datum; fecha",
    ),
    col.RESPONDED_AT: (
        """
        responded at; response date; response time; clicked at; redeemed at; redemption date; converted at;
        opened at
        """,
        "click date",
    ),
    col.IS_CONTROL: (
        "is control; control; control group; holdout; is holdout; in control",
        "",
    ),
    col.OFFER: (
        "offer; offer id; offer name; campaign type; incentive; voucher",
        "",
    ),
    col.OCCURRED_AT: (
        """
        occurred at; event time; event date; event timestamp; timestamp; viewed at; happened at; server time;
        行为时间
        """,
        "date; time; datetime; created at; 时间; datum; fecha",
    ),
    col.KIND: (
        "kind; event; event type; event name; action; activity; behavior; behavior type; 行为; 行为类型",
        "type",
    ),
    col.SOURCE_ID: (
        """
        source id; alias; alias id; old id; from id; secondary id; duplicate id; external id; card id; card no;
        merged id; identifier; original id
        """,
        "",
    ),
    col.PRICE: (
        "price; list price; retail price; unit price; rrp; 价格; 标价; 单价; preis; prix; precio",
        "cost; value",
    ),
}
