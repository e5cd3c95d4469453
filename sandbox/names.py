"""Names and counties of several Kenyan communities, and the people worth remembering by their number."""

from dataclasses import dataclass

from sandbox.people import Person

WOMEN = (
    "Mary Grace Faith Esther Jane Lucy Mercy Joyce Alice Ruth Sarah Agnes Caroline Beatrice Eunice Lydia"
    " Purity Dorcas Winnie Brenda Sharon Sheila Cynthia Irene Violet Rose Margaret Catherine Anne Susan"
)
MEN = (
    "John Peter James Joseph Samuel David Daniel Paul Simon Stephen George Michael Francis Charles Patrick"
    " Anthony Kennedy Dennis Kevin Brian Victor Collins Eric Felix Moses Isaac Elijah Titus Vincent Bernard"
)


@dataclass(frozen=True, slots=True)
class Community:
    """Given names, own names of women and men, family names and home counties, each a list of words."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    counties: tuple[str, ...]
    women_christian: tuple[str, ...] = tuple(WOMEN.split())
    men_christian: tuple[str, ...] = tuple(MEN.split())


def _community(
    women: str, men: str, families: str, counties: str, own: tuple[str, str] = (WOMEN, MEN)
) -> Community:
    first, second = own
    return Community(
        tuple(women.split()),
        tuple(men.split()),
        tuple(families.split()),
        tuple(county.replace("_", " ") for county in counties.split()),
        tuple(first.split()),
        tuple(second.split()),
    )


COMMUNITIES = (
    _community(
        "Wanjiku Wambui Njeri Nyambura Wairimu Waithera Wangari Wanjiru Muthoni Wangui Nyokabi Wacera",
        "Kamau Mwangi Njoroge Kariuki Maina Gitau Kimani Waweru Ndungu Karanja Mburu Githinji",
        "Kamau Mwangi Njoroge Kariuki Maina Gitau Kimani Waweru Ndungu Karanja Mburu Macharia Thuo Irungu",
        "Kiambu Nyeri Murang'a Kirinyaga Nairobi Nakuru Nyandarua",
    ),
    _community(
        "Achieng Akinyi Atieno Adhiambo Anyango Awuor Apiyo Akoth Auma Aoko",
        "Otieno Ochieng Odhiambo Onyango Owino Omondi Okoth Ouma Opiyo Okello",
        "Otieno Ochieng Odhiambo Onyango Owino Omondi Okoth Ouma Odinga Oluoch Ogutu Ong'wen Nyong'o",
        "Kisumu Siaya Homa_Bay Migori Nairobi",
    ),
    _community(
        "Nekesa Nafula Naliaka Nanjala Wanjala Khavere Mmbone Kageha Nasimiyu Nakhumicha",
        "Wekesa Wafula Barasa Simiyu Wanyama Juma Kundu Makokha Mukhwana Shikuku",
        "Wekesa Wafula Barasa Simiyu Wanyama Makokha Shikuku Mudavadi Khaemba Namachanja Lusweti Ambani",
        "Bungoma Kakamega Vihiga Busia Trans_Nzoia",
    ),
    _community(
        "Chebet Jepkosgei Cherono Chepkoech Jepchirchir Chelagat Jerotich Chepngetich Cherop Jeptoo",
        "Kipchoge Kiprotich Kipkemboi Kiptoo Kiplagat Kipruto Cheruiyot Kibet Kipkorir Kiprop",
        "Kipchoge Rotich Koech Cheruiyot Kiplagat Ruto Langat Sang Bett Korir Rono Keino Chepkwony Tanui",
        "Uasin_Gishu Nandi Kericho Bomet Elgeyo-Marakwet Baringo",
    ),
    _community(
        "Mwende Mutheu Ndinda Kavata Mumbua Wayua Nduku Kalekye Syombua Katunge",
        "Mutua Musyoka Kioko Muema Mutiso Nzioka Kilonzo Makau Mwanzia Kyalo",
        "Mutua Musyoka Kioko Muema Mutiso Nzioka Kilonzo Makau Muthama Ngilu Mbithi Munyao Musembi",
        "Machakos Kitui Makueni Nairobi",
    ),
    _community(
        "Kemunto Moraa Kwamboka Nyaboke Bosibori Kerubo Gesare Nyanchama Mokeira",
        "Nyakundi Mogaka Momanyi Ondieki Onsongo Nyambane Makori Bosire Ombati",
        "Nyakundi Mogaka Momanyi Ondieki Onsongo Nyambane Makori Bosire Ombati Nyang'au Ong'era Mong'are",
        "Kisii Nyamira Nairobi",
    ),
    _community(
        "Kadzo Mwanamisi Kanze Dama Sidi Mbeyu Kache Jumwa",
        "Katana Charo Kazungu Baya Karisa Ngala Safari Mwadime Mwakio",
        "Katana Charo Kazungu Baya Karisa Ngala Mwadime Mwakio Mwatela Nyale Chengo Kombe",
        "Kilifi Kwale Mombasa Taita-Taveta",
    ),
    _community(
        "Hassan Abdi Mohamed Ali Omar Yusuf Ahmed Ibrahim",
        "Hassan Abdi Mohamed Ali Omar Yusuf Ahmed Ibrahim",
        "Farah Noor Adan Hussein Abdullahi Osman Ismail Warsame Duale Maalim Sheikh",
        "Garissa Wajir Mandera Isiolo Nairobi",
        (
            "Halima Fatuma Amina Hawa Khadija Zeinab Sahra Asha Maryam Rukia Nasra",
            "Mohamed Abdi Hassan Ali Ahmed Ibrahim Yusuf Omar Abdullahi Adan Issack",
        ),
    ),
    _community(
        "Nashipae Naserian Nasieku Resiato Namunyak Silantoi Lankoi",
        "Lemayian Saitoti Sankale Parsitau Ole-Kina Lekishon Leshore Lolkidienye",
        "Nkaissery Ntimama Saitoti Sankok Lenku Lesuuda Lelelit Leparleen Nkedianye Tipatet",
        "Kajiado Narok Samburu Laikipia",
    ),
    _community(
        "Kendi Makena Kinya Gatwiri Kagwiria Mukami Karimi Nkatha",
        "Mutuma Murithi Kimathi Kirimi Mwenda Muriuki Gitonga Mugambi",
        "Mutuma Murithi Kimathi Kirimi Mwenda Muriuki Gitonga Mugambi Kiraitu M'Imanyara M'Inoti Linturi",
        "Meru Tharaka-Nithi Embu Isiolo",
    ),
)

UNUSUAL = (
    ("Mwanaisha-Khadija", "Binti-Abdulrahman", "Al-Husseiny-Mazrui-Kilindini"),
    ("Christabel-Maximilla", "Nakhungu-Nasimiyu", "Wanyonyi-Khisa-Namachanja"),
    ("Nang'oli", "Ong'ang'a", "Ng'ang'a-Ng'eno"),
    ("Jo", "", "Oo"),
    ("D'Souza-Fernandes", "", "D'Mello"),
    ("Bartholomew-Emmanuel-Augustine", "Kipng'etich-Kiprono-arap", "Chepkwony-Cheruiyot-Kiplang'at"),
    ("Fatuma", "", "Sheikh"),
)


def _person(number: str, name: str, sex: str, birth: str, county: str, death: str = "") -> Person:
    given, second, surname = name.split(" ")
    return Person(number, given, second, surname, sex, birth, death, "dead" if death else "alive", county)


MEMORABLE = (
    _person("12345678", "Wanjiku Njeri Mwangi", "female", "1991-04-17", "Nyeri"),
    _person("23456789", "Otieno James Odhiambo", "male", "1987-09-02", "Kisumu"),
    _person("11111111", "Joseph Kiprop Korir", "male", "1948-01-30", "Nandi", "2024-08-14"),
    _person("34567890", "Brian Mutua Kioko", "male", "2011-06-05", "Machakos"),
    _person("22223333", "Faith Nekesa Wafula", "female", "1994-12-12", "Bungoma"),
    _person("22224444", "Faith Nekesa Wafula", "female", "1994-12-12", "Bungoma"),
    _person("22225555", "Faith Nekesa Wafula", "female", "1978-03-08", "Kakamega"),
    _person("7654321", "Halima Hassan Noor", "female", "1969-11-23", "Garissa"),
    _person("30303030", "Nyang'au Momanyi Ong'era", "male", "1996-02-29", "Kisii"),
    _person("28282828", "Amina Kadzo Katana", "female", "2000-01-01", "Kilifi"),
)
